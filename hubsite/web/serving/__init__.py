"""An HTTP/1.1 server that needs no proxy, because slow clients occupy no threads."""

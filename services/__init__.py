"""Services that run until they are stopped: xcube servers with their viewer."""

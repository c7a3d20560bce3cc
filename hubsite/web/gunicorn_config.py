"""How gunicorn serves the hub. Behind a proxy, FORWARDED_ALLOW_IPS names the proxy."""

import os
import resource

from hubsite import settings
from hubsite.configuration.site import SiteSettings

hub = SiteSettings(settings.HUB)

_address = hub.address
bind = f"[{_address}]:{hub.port}" if ":" in _address else (f"{_address}:{hub.port}")
backlog = 1024

worker_class = "hubsite.web.serving.worker.Worker"
workers = hub.web_workers
threads = hub.web_threads
preload_app = False  # a new process reads the present settings, and shares no connection
max_requests = 100_000
max_requests_jitter = 20_000

timeout = 120
graceful_timeout = 10
keepalive = 5

# Connections are cheap (no thread waits for one), but each is an open file.
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
if _most_files == resource.RLIM_INFINITY or _most_files > _files:
    _files = max(_files, 4096 if _most_files < 0 else min(_most_files, 4096))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_files, _most_files))
worker_connections = min(1000, max(50, _files - 8 * threads - 100))
sendfile = False  # the main loop sends what a slow reader has not read

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16380  # a bearer token with many permissions is long

loglevel = "debug" if hub.log_level == "DEBUG" else "warning"
accesslog = None
errorlog = "-"
control_socket_disable = True
if os.access("/dev/shm", os.W_OK):  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108  # a heartbeat must not wait for a disk

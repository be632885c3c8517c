"""A Django shop behind nginx."""

import os

bind = "unix:/run/shop/gunicorn.sock"
umask = 0o007
workers = int(os.environ.get("SHOP_WORKERS", "4"))
threads = 2
worker_class = "gthread"
timeout = 120
graceful_timeout = 90
keepalive = 5
max_requests = 1000
max_requests_jitter = 100
preload_app = True
accesslog = "/var/log/shop/access.log"
access_log_format = '%(h)s "%(r)s" %(s)s %(D)s'
errorlog = "/var/log/shop/error.log"
loglevel = "warning"
capture_output = True
forwarded_allow_ips = "10.0.0.0/8"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
proc_name = "shop"
raw_env = ["DJANGO_SETTINGS_MODULE=shop.settings", "SECRET_KEY=hunter2"]
wsgi_app = "shop.wsgi"
limit_request_field_size = 16384
daemon = False
reload = False


def post_fork(server, worker):
    server.log.info("worker %s", worker.pid)


def pre_fork(server, worker):
    pass

# OpenStack Swift with its S3 door, whole in one process: proxy, account, container and object server on one folder.
# Arguments: the folder, access key, secret key. Prints `listening PORT` when it answers.
import os
import sys

import eventlet
import eventlet.wsgi

eventlet.monkey_patch()

from swift.cli.ringbuilder import main as build_ring
from swift.common import utils, wsgi

BACKENDS = ("account", "container", "object")
PIPELINE = (
    "catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink "
    "proxy-server"
)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def backend_settings(folder, kind):
    return f"""[DEFAULT]
devices = {folder}/devices
swift_dir = {folder}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
eventlet_debug = false
log_level = ERROR
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def proxy_settings(folder, access_key, secret_key):
    account, user = access_key.split(":")
    filters = "\n".join(
        f"[filter:{name}]\nuse = egg:swift#{name}" for name in PIPELINE.split() if name not in ("proxy-server", "tempauth", "s3api")
    )
    return f"""[DEFAULT]
swift_dir = {folder}
log_level = ERROR
[pipeline:main]
pipeline = {PIPELINE}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret_key} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
{filters}
"""


def prepare(folder, access_key, secret_key, ports):
    os.makedirs(f"{folder}/devices/d1", exist_ok=True)
    write(folder, "swift.conf", "[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = one\ndefault = yes\n")
    write(folder, "proxy-server.conf", proxy_settings(folder, access_key, secret_key))
    for kind in BACKENDS:
        write(folder, f"{kind}-server.conf", backend_settings(folder, kind))
        ring = f"{folder}/{kind}.builder"
        device = f"r1z1-127.0.0.1:{ports[kind]}/d1"
        for command in (["create", "4", "1", "0"], ["add", device, "1"], ["rebalance"]):
            run_builder([ring, *command])


def run_builder(arguments):
    # It ends the process when it is done, and says so on standard output.
    said, sys.stdout = sys.stdout, open(os.devnull, "w")
    try:
        build_ring(["swift-ring-builder", *arguments])
    except SystemExit as end:
        if end.code not in (0, None):
            raise
    finally:
        sys.stdout = said


class EmptyCache:
    """In the place of memcached, which Swift asks for and can do without."""

    def get(self, key, raise_on_error=False):
        return None

    def set(self, key, value, **options):
        pass

    def delete(self, key):
        pass


def with_cache(app):
    cache = EmptyCache()

    def serve_request(env, start_response):
        env["swift.cache"] = cache
        return app(env, start_response)

    return serve_request


def serve(folder, kind, sock):
    app = wsgi.loadapp(f"{folder}/{kind}-server.conf", global_conf={"log_name": kind})
    # As Swift's own run_server, which cannot run twice in a process: it makes a new hub each time.
    settings = {"protocol": wsgi.SwiftHttpProtocol, "capitalize_response_headers": False, "socket_timeout": 60}
    eventlet.spawn(eventlet.wsgi.server, sock, with_cache(app), utils.NullLogger(), **settings)


def main(folder, access_key, secret_key):
    sockets = {kind: eventlet.listen(("127.0.0.1", 0), backlog=512) for kind in (*BACKENDS, "proxy")}
    prepare(folder, access_key, secret_key, {kind: sock.getsockname()[1] for kind, sock in sockets.items()})
    utils.set_swift_dir(folder)
    for kind, sock in sockets.items():
        serve(folder, kind, sock)
    print("listening", sockets["proxy"].getsockname()[1], flush=True)
    while True:
        eventlet.sleep(3600)


main(*sys.argv[1:])

# The hub: web, worker and observer, each a container of its own. Cubes are made in images of xcube.
#
#   docker build -t registry.example.org/xcube-hub:VERSION .
#   docker run IMAGE start --only web          (docs/kubernetes.md has the rest)
#
# It runs as user 1000, and writes to /var/lib/xcube-hub and /tmp only: mount something there
# if its root is read-only. All settings come by the environment; nothing secret is in it.
ARG BASE=python:3.11-slim

FROM ${BASE} AS environment
COPY requirements.txt /tmp/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --quiet --no-cache-dir --only-binary :all: \
        --require-hashes --requirement /tmp/requirements.txt \
    && /opt/venv/bin/python -m pip uninstall --quiet --yes setuptools pip
# The command xcube-hub, and the hub importable from any folder.
RUN cd /opt/venv/lib/python3.*/site-packages \
    && echo /opt/xcube-hub > hub.pth \
    && printf '#!/opt/venv/bin/python\nfrom hubsite.cli import main\nmain()\n' \
        > /opt/venv/bin/xcube-hub \
    && chmod 755 /opt/venv/bin/xcube-hub

FROM ${BASE}
COPY --from=environment /opt/venv /opt/venv
WORKDIR /opt/xcube-hub
# requirements-xcube.in tells which xcube this version of the hub is made for.
COPY manage.py requirements-xcube.in ./
COPY hubsite hubsite
COPY accounts accounts
COPY jobs jobs
COPY services services
COPY templates templates
COPY docs docs
# Compiled here, for the root may be read-only; readable by all, which a checkout need not be.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash . \
    && chmod -R a+rX,go-w . \
    && echo 'hub:x:1000:1000:xcube-hub:/var/lib/xcube-hub:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'hub:x:1000:' >> /etc/group \
    && install -d -m 700 -o 1000 -g 1000 /var/lib/xcube-hub
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/xcube-hub \
    XCUBE_HUB_DATA_DIR=/var/lib/xcube-hub \
    XCUBE_HUB_ADDRESS=0.0.0.0 \
    XCUBE_HUB_PORT=8080
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["xcube-hub"]
CMD ["start"]

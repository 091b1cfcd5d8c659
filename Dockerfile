# The three images, which differ in their entry point and share every layer but one: nodelocal has the program nft.
#
#   docker build --target nodelocal  --tag clusterdns/nodelocal:VERSION  .
#   docker build --target autopath   --tag clusterdns/autopath:VERSION   .
#   docker build --target externaldns --tag clusterdns/externaldns:VERSION .

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
# Some dependencies come as source only. They, and we, are built with the pinned setuptools, not with the newest.
RUN sed -n '/^setuptools==/,/^    # via/p' requirements-dev.lock > build.lock \
    && pip install --no-cache-dir --require-hashes --requirement build.lock \
    && pip wheel --no-cache-dir --no-build-isolation --require-hashes --wheel-dir wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY clusterdns clusterdns
COPY nodelocal nodelocal
COPY autopath autopath
COPY externaldns externaldns
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir wheels . \
    && python -m venv --without-pip /opt/clusterdns \
    && pip --python /opt/clusterdns install --no-cache-dir --no-index --no-deps wheels/*.whl

FROM python:3.12-slim AS runtime
COPY --from=build /opt/clusterdns /opt/clusterdns
# Nothing is written to the root file system, which may be read-only: byte code was compiled when it was installed.
ENV PATH=/opt/clusterdns/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532

FROM runtime AS nodelocal
USER 0:0
# Debian has the newest version of a package only: one that is pinned can't be had after a while.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nftables \
    && rm -rf /var/lib/apt/lists/*
USER 65532:65532
ENTRYPOINT ["nodelocal"]

FROM runtime AS autopath
ENTRYPOINT ["autopath"]

FROM runtime AS externaldns
ENTRYPOINT ["externaldns"]

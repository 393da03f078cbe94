# The service on a processor: docker build -t bottomup . && docker run --rm -p 127.0.0.1:8000:8000 bottomup
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . src
RUN src/docker/build.sh src /build

FROM python:${PYTHON} AS install
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV TORCH_INDEX=${TORCH_INDEX}
WORKDIR /build
COPY docker/install.sh .
COPY --from=build /build/dist dist
RUN ./install.sh dist /opt/bottomup

FROM python:${PYTHON}
RUN useradd --create-home --uid 10001 bottomup
COPY --from=install /opt/bottomup /opt/bottomup
ENV PATH=/opt/bottomup/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/bottomup
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["bottomup"]
CMD ["serve", "--host", "0.0.0.0"]

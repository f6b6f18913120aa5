# The search service, for processors:
#   docker build -t dyml .
# and for NVIDIA GPUs (torch from PyPI brings its own CUDA libraries; the host needs the container toolkit):
#   docker build --build-arg TORCH_INDEX=https://pypi.org/simple -t dyml:cuda .
# Run it with a model and its gallery mounted; see docs/export.md and compose.yaml.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
RUN pip install --no-cache-dir build==1.6.1
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY configs configs
COPY src src
RUN python -m build --wheel --outdir /wheels

FROM python:${PYTHON}-slim
# Of two builds of one version pip takes the one with a local tag: 2.14.1+cpu before PyPI's 2.14.1.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=wheel /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt --extra-index-url "${TORCH_INDEX}" \
        "$(ls /wheels/*.whl)[serve,export]" \
    && rm -r /wheels \
    && useradd --system --uid 10001 --home-dir /tmp --shell /usr/sbin/nologin dyml

ENV PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /srv
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["dyml"]
CMD ["serve", "/srv/model", "/srv/gallery", "--host", "0.0.0.0", "--port", "8000"]

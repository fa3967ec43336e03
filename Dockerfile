# Two images: `trainer` runs the line, `serving` serves what it pushed. Never built where this
# repository is tested, which has no Docker engine.
#
#   docker build --target trainer -t forgeline-trainer .
#   mkdir -p runs serving_models
#   docker run --user "$(id -u):$(id -g)" -e HOME=/tmp \
#     -v "$PWD/runs:/app/runs" -v "$PWD/serving_models:/app/serving_models" forgeline-trainer
#   docker build --target serving -t forgeline-serving .
#   docker run -p 127.0.0.1:8500:8500 -p 127.0.0.1:8501:8501 \
#     -v "$PWD/serving_models/digits:/models/digits:ro" forgeline-serving

FROM python:3.11-slim AS trainer
WORKDIR /app
COPY setup.py pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY serving serving
COPY mobile mobile
COPY configs configs
# Editable: the copy above is the one that runs.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir -e '.[quickstart]' && \
    useradd --create-home --uid 10001 forgeline && \
    mkdir runs serving_models && chown forgeline runs serving_models
USER 10001
ENTRYPOINT ["python", "-m", "pipeline.run"]
CMD ["--flagfile=configs/quickstart.flags"]

FROM tensorflow/serving:2.19.0 AS serving
ENV MODEL_NAME=digits
USER 10001

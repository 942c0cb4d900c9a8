# The page and the API, or with another argument any command of `reex`. Python packages come from PyPI.
FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --create-home reex && install -d -o reex /data
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY corpus corpus
COPY rag rag
COPY ui ui
COPY evals evals
RUN pip install --no-cache-dir -c constraints.txt '.[postgres]'
USER reex
ENV REEX_DATA_DIR=/data GRADIO_SERVER_NAME=0.0.0.0
VOLUME /data
EXPOSE 7860
ENTRYPOINT ["reex"]
CMD ["chat"]

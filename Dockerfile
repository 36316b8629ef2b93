FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/srv/scoreline SCORELINE_HOST=0.0.0.0

WORKDIR /srv/scoreline
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
# .dockerignore excludes everything that the server does not need.
COPY . .
RUN useradd --system --uid 10001 scoreline && mkdir var && chown scoreline var
USER scoreline

EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "server", "serve"]

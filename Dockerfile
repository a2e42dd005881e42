# syntax=docker/dockerfile:1
# The gateway in a small image: one program, no shell, no root, and without the embedded broker.
#
#   docker build -t sluicegate .
#   docker run --rm -p 127.0.0.1:8080:8080 -e SLUICEGATE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 \
#       -e SLUICEGATE_ACCESS__ANONYMOUS=allow sluicegate
#
# The last variable is yours to say: inside a container the gateway listens on all addresses, and it does not start
# there until somebody has decided that whoever reaches the port may do all that Kafka lets it do.

FROM rust:1.95.0-slim-bookworm AS build
# What librdkafka and OpenSSL are compiled with, and the authorities that a Kafka's certificate is usually signed by.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates g++ make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Between builds on one machine the caches keep what was fetched and compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --no-default-features \
    && install -D target/release/sluicegate /image/usr/local/bin/sluicegate
# The rest of the image: the libraries that the program is linked to, its loader, and those authorities.
RUN ldd /image/usr/local/bin/sluicegate | grep -o '/[^ ]*' | xargs -I FILE install -D FILE /imageFILE \
    && install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt

FROM scratch
LABEL org.opencontainers.image.title="Sluicegate" \
      org.opencontainers.image.description="An HTTP REST and server-sent-events gateway to Apache Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# Nobody's, by number, so that a cluster's policy can see that it is not root.
USER 65532:65532
ENV SLUICEGATE_LISTEN__HTTP=0.0.0.0:8080 \
    SLUICEGATE_TELEMETRY__LOG_FORMAT=json
EXPOSE 8080
# SIGTERM begins the drain, which takes up to `listen.shutdown_deadline` (20s): give it more, `--stop-timeout 30`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["/usr/local/bin/sluicegate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sluicegate"]
CMD ["serve"]

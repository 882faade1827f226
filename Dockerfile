# livetape without a shell and without root. Not built by CI: see docs/publishing.md.
FROM rust:1.95-bookworm AS build
WORKDIR /livetape
COPY . .
RUN cargo build --release --locked --features nats --bin livetape && mkdir /recordings

# The health check needs a program that sends a request.
FROM busybox:1.37.0-musl AS tools

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=tools /bin/busybox /bin/wget
COPY --from=build /livetape/target/release/livetape /usr/local/bin/livetape
COPY --from=build /livetape/LICENSE /usr/share/doc/livetape/
COPY --from=build --chown=65532:65532 /recordings /data/recordings
USER 65532:65532
WORKDIR /data
VOLUME /data/recordings
EXPOSE 3000
# Beyond loopback, livetape requires a token: set LIVETAPE_TOKEN or LIVETAPE_TOKEN_FILE.
ENV LIVETAPE_LISTEN=0.0.0.0:3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/health"]
ENTRYPOINT ["/usr/local/bin/livetape"]
CMD ["serve"]

# Build:  docker build --build-arg VERSION=1.2.3 -t syncd .
# Run:    docker run -v syncd:/var/lib/syncd -v ./config.yaml:/etc/syncd/config.yaml:ro -p 127.0.0.1:9464:9464 syncd
# It listens on all addresses of the container, and so serves health, metrics and events alone; for the pages on the
# machine itself: --network host -e SYNCD_LISTEN=127.0.0.1:9464
#
# The base images are pinned by the digest of their index, which names all architectures. A newer one:
#   docker buildx imagetools inspect golang:1.26-bookworm
#   docker buildx imagetools inspect gcr.io/distroless/static-debian12:nonroot
ARG GO_IMAGE=golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
# No defaults here: one would put this machine's binary into every image.
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags="-s -w -X main.release=$VERSION" -o /out/syncd ./cmd/syncd \
 && go build -buildvcs=false -o /tmp/licences ./cmd/licences && GOOS=$TARGETOS GOARCH=$TARGETARCH CGO_ENABLED=0 /tmp/licences /out/licenses \
 && mkdir -p /out/state

# Certificates, an unprivileged user, no shell.
FROM ${BASE_IMAGE}
COPY --from=build /out/syncd /usr/local/bin/syncd
COPY --from=build /out/licenses /licenses
COPY --from=build --chown=65532:65532 /out/state /var/lib/syncd
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
# The state and its socket are all that is ever written; the rest may be read-only.
VOLUME /var/lib/syncd
ENV SYNCD_CONFIG=/etc/syncd/config.yaml \
    SYNCD_STATE_PATH=/var/lib/syncd/syncd.db \
    SYNCD_LISTEN=0.0.0.0:9464
EXPOSE 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/local/bin/syncd", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/syncd"]
CMD ["serve"]

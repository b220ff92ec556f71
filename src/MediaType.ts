/**
 * The media types of image-spec 1.1 and of Docker's image manifest version 2, and what they mean to a client.
 *
 * @since 0.1.0
 */

/**
 * An OCI image index.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociIndex = "application/vnd.oci.image.index.v1+json"

/**
 * An OCI image manifest.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociManifest = "application/vnd.oci.image.manifest.v1+json"

/**
 * An OCI image config.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociConfig = "application/vnd.oci.image.config.v1+json"

/**
 * A layer as a plain tar archive.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociLayer = "application/vnd.oci.image.layer.v1.tar"

/**
 * A layer compressed with gzip.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"

/**
 * A layer compressed with zstd.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"

/**
 * The type of the two bytes `{}`, used where a descriptor must be but no content is.
 *
 * @since 0.1.0
 * @category constants
 */
export const ociEmpty = "application/vnd.oci.empty.v1+json"

/**
 * Docker's manifest list, its form of an index.
 *
 * @since 0.1.0
 * @category constants
 */
export const dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"

/**
 * Docker's image manifest of version 2, schema 2.
 *
 * @since 0.1.0
 * @category constants
 */
export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"

/**
 * Docker's image config.
 *
 * @since 0.1.0
 * @category constants
 */
export const dockerConfig = "application/vnd.docker.container.image.v1+json"

/**
 * Docker's layer, compressed with gzip.
 *
 * @since 0.1.0
 * @category constants
 */
export const dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"

/**
 * What a request for a manifest accepts: every manifest type this library understands, in order of preference.
 *
 * @since 0.1.0
 * @category constants
 */
export const acceptManifests: ReadonlyArray<string> = [ociIndex, ociManifest, dockerManifestList, dockerManifest]

const nonDistributable = new Set([
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
])

const schema1 = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws"
])

const generic = new Set(["", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"])

/**
 * The media type in a `Content-Type` value: without parameters, in lower case; the empty string when there is none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const fromContentType = (value: string | undefined): string =>
  value === undefined ? "" : (value.split(";", 1)[0] ?? "").trim().toLowerCase()

/**
 * An OCI image index or a Docker manifest list.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isIndex = (mediaType: string): boolean => mediaType === ociIndex || mediaType === dockerManifestList

/**
 * An OCI image manifest or a Docker image manifest of schema 2.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isImageManifest = (mediaType: string): boolean => mediaType === ociManifest || mediaType === dockerManifest

/**
 * A type of Docker's, as against one of OCI's.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isDocker = (mediaType: string): boolean => mediaType.startsWith("application/vnd.docker.")

/**
 * Docker's image manifest version 2, schema 1, which is not supported.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSchema1 = (mediaType: string): boolean => schema1.has(mediaType)

/**
 * A layer that its publisher does not want uploaded to other registries (image-spec, "Non-Distributable Layers"). The
 * `urls` of a descriptor do not make it so, only its media type.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isNonDistributable = (mediaType: string): boolean => nonDistributable.has(mediaType)

/**
 * A type that says nothing about the content; registry.access.redhat.com serves manifests as `text/plain`.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isGeneric = (mediaType: string): boolean => generic.has(mediaType)

/**
 * An image config, of OCI or of Docker.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isImageConfig = (mediaType: string): boolean => mediaType === ociConfig || mediaType === dockerConfig

/**
 * An OCI container-registry client for Effect.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as Copy from "./Copy.js"
/** @since 0.1.0 */
export * as CopyEvent from "./CopyEvent.js"
/** @since 0.1.0 */
export * as Credentials from "./Credentials.js"
/** @since 0.1.0 */
export * as Descriptor from "./Descriptor.js"
/** @since 0.1.0 */
export * as Digest from "./Digest.js"
/** @since 0.1.0 */
export * as Image from "./Image.js"
/** @since 0.1.0 */
export * as ImageConfig from "./ImageConfig.js"
/** @since 0.1.0 */
export * as ImageLayout from "./ImageLayout.js"
/** @since 0.1.0 */
export * as Manifest from "./Manifest.js"
/** @since 0.1.0 */
export * as ManifestList from "./ManifestList.js"
/** @since 0.1.0 */
export * as MediaType from "./MediaType.js"
/** @since 0.1.0 */
export * as OperationError from "./OperationError.js"
/** @since 0.1.0 */
export * as Platform from "./Platform.js"
/** @since 0.1.0 */
export * as Reference from "./Reference.js"
/** @since 0.1.0 */
export * as RegistryClient from "./RegistryClient.js"
/** @since 0.1.0 */
export * as RegistryConfig from "./RegistryConfig.js"
/** @since 0.1.0 */
export * as RegistryError from "./RegistryError.js"
/** @since 0.1.0 */
export * as RegistryMetrics from "./RegistryMetrics.js"
/** @since 0.1.0 */
export * as Repository from "./Repository.js"

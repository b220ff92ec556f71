/**
 * @since 0.1.0
 */
export * as Credentials from "./Credentials.js"
export * as Descriptor from "./Descriptor.js"
export * as Digest from "./Digest.js"
export * as ImageConfig from "./ImageConfig.js"
export * as ImageLayout from "./ImageLayout.js"
export * as Manifest from "./Manifest.js"
export * as MediaType from "./MediaType.js"
export * as OperationError from "./OperationError.js"
export * as Platform from "./Platform.js"
export * as Reference from "./Reference.js"
export * as RegistryConfig from "./RegistryConfig.js"
export * as RegistryError from "./RegistryError.js"
export * as Repository from "./Repository.js"

/**
 * What clients do, in numbers: counters for whatever collects the metrics of an Effect program. They count for all
 * clients of the process together, by registry.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"

/**
 * HTTP requests that went out: each try, each redirect, and each request to a token server, which counts for the registry
 * that it is for.
 *
 * Name `effect_oci_requests`; tags `registry` (as references name it: `docker.io`) and `method`.
 *
 * @since 0.1.0
 * @category metrics
 * @example
 * ```ts
 * import * as RegistryMetrics from "effect-oci/RegistryMetrics"
 * import * as Metric from "effect/Metric"
 *
 * const heads = RegistryMetrics.requests.pipe(Metric.tagged("registry", "docker.io"), Metric.tagged("method", "HEAD"))
 * const program = Metric.value(heads)
 * ```
 */
export const requests: Metric.Metric.Counter<number> = Metric.counter("effect_oci_requests", {
  description: "HTTP requests sent to registries and their token servers",
  incremental: true
})

/**
 * Requests that failed and were tried again.
 *
 * Name `effect_oci_retries`; tag `registry`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const retries: Metric.Metric.Counter<number> = Metric.counter("effect_oci_retries", {
  description: "requests to registries and their token servers that failed and were tried again",
  incremental: true
})

/**
 * Bytes of blobs that copies moved. What is mounted or was there already does not count.
 *
 * Name `effect_oci_bytes`, unit bytes; tags `registry` and `direction`: `download` or `upload`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const bytes: Metric.Metric.Counter<number> = Metric.counter("effect_oci_bytes", {
  description: "bytes of blobs moved from and to registries",
  incremental: true
})

/**
 * Blobs that copies dealt with.
 *
 * Name `effect_oci_blobs`; tag `outcome`: what became of the blob, in the words of a copy's result.
 *
 * @since 0.1.0
 * @category metrics
 */
export const blobs: Metric.Metric.Counter<number> = Metric.counter("effect_oci_blobs", {
  description: "blobs that copies dealt with",
  incremental: true
})

/**
 * The package's version; a test holds it against package.json.
 *
 * @internal
 */
export const version = "0.1.0"

/**
 * Image configs.
 *
 * @since 0.1.0
 */

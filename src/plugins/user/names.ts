/** The plugin that reads which users' plugins a route wants. */
export const picksName = 'user-plugins';

/** The annotation's name. */
export const picksAnnotation = 'plugins';

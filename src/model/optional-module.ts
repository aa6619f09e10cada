/** Modules that are no part of nginx and come in packages of their own. */
export const optionalModules = ['modsecurity', 'brotli'] as const;

export type OptionalModule = (typeof optionalModules)[number];

/** Absent, part of the binary, or a file to load. */
export type ModuleForm = 'absent' | 'builtin' | { readonly modulePath: string };

/** File names of their shared objects, and a text for `http` that only an nginx with the module reads. */
export const moduleFiles: Readonly<
  Record<OptionalModule, { readonly file: string; readonly probe: string }>
> = {
  modsecurity: { file: 'ngx_http_modsecurity_module.so', probe: 'modsecurity off;' },
  brotli: { file: 'ngx_http_brotli_filter_module.so', probe: 'brotli off;' },
};

/** What a user has to do about one that is absent. */
export const moduleRemedy: Readonly<Record<OptionalModule, string>> = {
  modsecurity: 'it needs an nginx with the module modsecurity (libnginx-mod-http-modsecurity in Debian)',
  brotli: 'it needs an nginx with the module brotli (libnginx-mod-http-brotli-filter in Debian)',
};

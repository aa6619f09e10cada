import packageJson from '../package.json' with { type: 'json' };

/** The version of this program, for `--version`, logs and metrics. */
export const version: string = packageJson.version;

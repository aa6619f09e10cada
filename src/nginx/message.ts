/** One line that nginx said, on its standard error or in its error log. */
export interface NginxMessage {
  /** `debug` to `emerg`. */
  readonly level: string;
  /** Without level, time, process and place. Unscrubbed: it may quote configuration. */
  readonly text: string;
  /** The process that wrote it; only the error log says so. */
  readonly pid: number | null;
  /** Where in the configuration, when nginx says so. */
  readonly file: string | null;
  readonly line: number | null;
}

const onStandardError = /^nginx: \[(\w+)\] (.*)$/;
const inErrorLog = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[(\w+)\] (\d+)#\d+: (?:\*\d+ )?(.*)$/;
const place = /^(.*) in (\/.+):(\d+)$/;

/** Reads what nginx said line by line; lines of another form (summaries, a script's own words) are left out. */
export function parseMessages(text: string): NginxMessage[] {
  const messages: NginxMessage[] = [];
  for (const line of text.split('\n')) {
    const said = onStandardError.exec(line);
    const logged = said === null ? inErrorLog.exec(line) : null;
    const level = said?.[1] ?? logged?.[1];
    const rest = said?.[2] ?? logged?.[3];
    if (level === undefined || rest === undefined) {
      continue;
    }
    const placed = place.exec(rest);
    messages.push({
      level,
      text: placed?.[1] ?? rest,
      pid: logged === null ? null : Number(logged[2]),
      file: placed?.[2] ?? null,
      line: placed === null ? null : Number(placed[3]),
    });
  }
  return messages;
}

// Only warnings: nginx goes on, and somebody is not served as asked. The texts are those of 1.22 and 1.30.
const unservedWarnings = [
  /^conflicting server name "[^"]*" on .*, ignored$/,
  /^duplicate network "[^"]*", value: "[^"]*", old value: "[^"]*"$/,
];

/** The messages that make a test a failure: errors, and the warnings that leave somebody unserved. */
export function refusalsOf(messages: readonly NginxMessage[]): NginxMessage[] {
  return messages.filter(
    (message) =>
      isError(message.level) ||
      (message.level === 'warn' && unservedWarnings.some((warning) => warning.test(message.text))),
  );
}

function isError(level: string): boolean {
  return level === 'emerg' || level === 'alert' || level === 'crit';
}

/** Input/output error, no space, read-only file system, quota: never the fault of what is configured. */
const environmentErrno = /\((?:5|28|30|122): [^()]+\)/;

/** Whether the machine, not the configuration, is what nginx complains of. */
export function blamesMachine(message: NginxMessage): boolean {
  return environmentErrno.test(message.text);
}

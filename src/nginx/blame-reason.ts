import { parseObjectKey, type ObjectKey } from '../model/object-ref.ts';
import type { Reason } from '../model/verdict.ts';
import type { Fault, Stage } from './apply-result.ts';
import type { NginxMessage } from './message.ts';
import { scrub } from './scrub.ts';

/** What was said, and the text it was said of. */
export interface Complaint {
  readonly stage: Stage;
  readonly message: NginxMessage | undefined;
  /** The line that accuses somebody, where another than the message's own does. */
  readonly accusing?: number | null;
  readonly text: string;
  /** The file name that messages use for the text. */
  readonly configPath: string;
  readonly stateDir: string;
}

/** Why an object is quarantined, in words for its owner. */
export function reasonOfQuarantine(object: ObjectKey, complaint: Complaint): Reason {
  const kind = parseObjectKey(object)?.kind;
  const line = lineOf(complaint);
  const excerpt = line === null ? '' : scrub(complaint.text.split('\n')[line - 1] ?? '', complaint.stateDir);
  const where = excerpt === '' ? '' : ` at "${excerpt}"`;
  const who = complaint.stage === 'lint' ? 'the check before nginx refuses' : 'nginx refuses';
  return {
    field: kind === 'Secret' || kind === 'ConfigMap' ? 'data' : 'spec',
    message: `${who} what this object asks for${where}: ${words(complaint)}; correct it, until then it is kept out`,
  };
}

/** A fault of these words that no object is kept out for. */
export function faultOf(kind: Fault['kind'], complaint: Complaint): Fault {
  const line = lineOf(complaint);
  return {
    kind,
    stage: complaint.stage,
    message: words(complaint),
    ...(line === null ? {} : { line }),
  };
}

/** The fault when the skeleton itself is refused: the machine's where the system said no, else the template's. */
export function faultOfSkeleton(complaint: Complaint): Fault {
  const isSystem = complaint.stage !== 'lint' && systemSaidNo(complaint.message?.text);
  return faultOf(isSystem ? 'environment' : 'skeleton', complaint);
}

/** Whether a message repeats an error of the system (disk, rights, addresses), which may be that of the whole machine. */
export function systemSaidNo(text = ''): boolean {
  return /\(\d+: [^()]+\)|system library/.test(text);
}

/** The line of the candidate that a complaint points at, or null. */
export function lineOf(complaint: Complaint): number | null {
  const { message, configPath, accusing } = complaint;
  return accusing ?? (message?.file === configPath ? message.line : null);
}

function words(complaint: Complaint): string {
  return complaint.message === undefined
    ? 'it gave no reason'
    : scrub(complaint.message.text, complaint.stateDir);
}

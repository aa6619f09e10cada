/** The target of a request as nginx takes it apart; all of it bytes, one a character. */
export interface NormalUri {
  /** What locations and rewrites see (`$uri`). */
  readonly uri: string;
  /** Without the `?`. */
  readonly args: string;
}

/** What nginx would answer 400 to, in words. */
export interface BadUri {
  readonly bad: string;
}

type State = 'usual' | 'slash' | 'dot' | 'dot-dot';

/**
 * Decodes and normalises a request target as nginx does (ngx_http_parse_complex_uri, `merge_slashes` on): a decoded
 * slash or dot counts as one that was written, a decoded `?`, `#` or `%` stands for itself, `..` goes up one segment.
 */
export function normalUri(target: string): NormalUri | BadUri {
  const question = target.search(/[?#]/u);
  const path = question < 0 ? target : target.slice(0, question);
  const args =
    question >= 0 && target[question] === '?' ? target.slice(question + 1).replace(/#.*/su, '') : '';
  let uri = '';
  let state: State = 'usual';

  /** Takes away the segment that `..` stands behind; false where there is none. */
  function goUp(): boolean {
    const before = uri.slice(0, -'/..'.length);
    uri = before.slice(0, before.lastIndexOf('/') + 1);
    return before !== '';
  }

  for (let at = 0; at < path.length; at += 1) {
    let character = path[at] ?? '';
    let stands = false;
    if (character === '%') {
      const hex = /^[0-9A-Fa-f]{2}/u.exec(path.slice(at + 1, at + 3))?.[0];
      if (hex === undefined || hex === '00') {
        return {
          bad: hex === undefined ? 'a "%" is not followed by two hexadecimal digits' : 'it has "%00"',
        };
      }
      at += 2;
      character = String.fromCharCode(Number.parseInt(hex, 16));
      stands = '%#?'.includes(character);
    }
    if (!stands && character === '/') {
      if (state === 'dot-dot' && !goUp()) {
        return { bad: 'its ".." lead out of the root' };
      }
      if (state === 'dot') {
        uri = uri.slice(0, -1);
      }
      if (state === 'usual') {
        uri += '/';
      }
      state = 'slash';
      continue;
    }
    if (!stands && character === '.' && (state === 'slash' || state === 'dot')) {
      state = state === 'slash' ? 'dot' : 'dot-dot';
    } else {
      state = 'usual';
    }
    uri += character;
  }
  if (state === 'dot-dot' && !goUp()) {
    return { bad: 'its ".." lead out of the root' };
  }
  return { uri: state === 'dot' ? uri.slice(0, -1) : uri, args };
}

/** A path as it stands in a request line: what nginx escapes (NGX_ESCAPE_URI), and nothing else. */
export function escapedUri(uri: string): string {
  return uri.replaceAll(/[\u0000-\u0020#%?\u007f-\u00ff]/gu, (byte) => {
    const hex = byte.charCodeAt(0).toString(16).toUpperCase();
    return `%${hex.padStart(2, '0')}`;
  });
}

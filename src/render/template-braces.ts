/** A brace of nginx that a template opens and does not close, or closes and did not open. */
export interface UnbalancedBrace {
  /** Of the template, counted from 1. */
  readonly line: number;
  readonly what: string;
}

/** Where one piece of a template's own text stands. */
interface Piece {
  readonly text: string;
  readonly line: number;
}

/**
 * The first unbalanced brace of a template; null where there is none. Each template, and each branch of a block in it,
 * closes what it opens: one brace too many or too few would make the text around it mean something else, and nginx
 * would only complain at its end.
 */
export function unbalancedBrace(program: hbs.AST.Program): UnbalancedBrace | null {
  const pieces: Piece[] = [];
  for (const statement of program.body) {
    if (statement.type === 'ContentStatement') {
      pieces.push(pieceOf(statement as hbs.AST.ContentStatement));
    } else if (statement.type === 'BlockStatement') {
      const { program: first, inverse } = statement as hbs.AST.BlockStatement;
      for (const branch of [first, inverse]) {
        const found = branch ? unbalancedBrace(branch) : null;
        if (found !== null) {
          return found;
        }
      }
    }
    // What is printed between two pieces is a value or a whole of its own: to the text around it, a word.
    pieces.push({ text: statement.type === 'ContentStatement' ? '' : 'x', line: statement.loc.start.line });
  }
  return scan(pieces);
}

function pieceOf(content: hbs.AST.ContentStatement): Piece {
  // What stands around a block tag on a line of its own is cut off `value`; `original` still has it.
  const { original } = content as unknown as { original: string };
  return { text: original, line: content.loc.start.line };
}

/** Reads as nginx does: quotes and comments only begin where a word could. */
function scan(pieces: readonly Piece[]): UnbalancedBrace | null {
  const open: number[] = [];
  let quote = '';
  let isComment = false;
  let before = ' ';
  for (const { text, line: first } of pieces) {
    let line = first;
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at] ?? '';
      const startsWord = /[\s;{}]/u.test(before);
      if (isComment) {
        isComment = character !== '\n';
      } else if (character === '\\') {
        at += 1;
      } else if (quote !== '') {
        quote = character === quote ? '' : quote;
      } else if (startsWord && (character === '"' || character === "'")) {
        quote = character;
      } else if (startsWord && character === '#') {
        isComment = true;
      } else if (character === '{' && before !== '$') {
        open.push(line);
      } else if (character === '}' && startsWord && open.pop() === undefined) {
        return { line, what: 'closes with "}" a block that it has not opened: leave it out' };
      }
      before = character;
      line += character === '\n' ? 1 : 0;
    }
  }
  const [unclosed] = open;
  return unclosed === undefined
    ? null
    : { line: unclosed, what: 'opens a block with "{" that it does not close: write "}"' };
}

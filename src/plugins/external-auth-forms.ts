import { choice, type Grammar, type TextRule } from '../model/grammar.ts';
import { locationVariables } from '../model/location-variables.ts';
import { requestText, type RequestText } from '../model/request-text.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'] as const;

/** What annotations and options of external authentication have alike. */
export const authMethod: Grammar<string> = choice<string>(methods);

export const redirectParameter: TextRule = {
  name: 'text',
  pattern: '[A-Za-z0-9._~/:,?&-]{1,100}',
  fault: 'is not the name of a parameter',
  allowed: 'letters, digits and - . _ ~',
  samples: ['rd'],
};

export const requestRedirect: TextRule = {
  name: 'URL',
  pattern: '[A-Za-z0-9._~/:,?&=-]+',
  longest: 2000,
  fault: 'is not allowed',
  allowed: 'a URL of letters, digits and - . _ ~ / : , ? & =',
  samples: ['https://example.com/'],
};

export const cacheKeyText: Grammar<RequestText> = requestText({
  name: 'text',
  characters: 'A-Za-z0-9_-',
  allowed: 'letters, digits, - _ and variables of a request',
  more: locationVariables,
  samples: ['$remote_user', '$http_authorization-$host'],
});

import { errorTable, gatewayError, GatewayError, isGatewayError } from '../errors.ts';

import type { Failure } from './protocol.ts';

/** The wire form of an error, for the other side of the thread. */
export function failureOf(error: unknown): Failure {
  if (isGatewayError(error)) {
    return { code: error.code, message: error.message, fields: { ...error.fields } };
  }
  const message = error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  return { code: null, message, fields: {} };
}

/** The error that a failure stands for. */
export function errorOf({ code, message, fields }: Failure): GatewayError {
  return code !== null && code in errorTable
    ? new GatewayError(code, fields)
    : gatewayError('CNG_INTERNAL', { reason: message });
}

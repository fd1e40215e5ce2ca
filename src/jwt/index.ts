/** keystile/jwt: short-lived tokens in a user's name, exchanged for API keys. Needs the package `jose`. */
export { generateSigningKey, type Jwk, type SigningAlgorithm, type SigningKey } from './signing-keys.js';
export { tokenIssuer, type TokenIssuer, type TokenIssuerOptions } from './issuer.js';
export { tokenExchange, USER_ID_TOKEN_TYPE, type TokenExchange } from './token-exchange.js';
export type { Exchange, Exchanged, ExchangeRefusalCode, ExchangeRefused, ExchangeRequest, TokenExchangeOptions } from './exchange.js';
export { bearerToken, type BearerToken, type BearerTokenOptions } from './bearer-token.js';
export { tokenOf, type TokenPrincipal } from './token-principal.js';

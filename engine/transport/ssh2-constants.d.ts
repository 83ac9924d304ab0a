/** The lists of algorithms of ssh2, which are missing from its own types. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: Record<
    `${'DEFAULT' | 'SUPPORTED'}_${'KEX' | 'CIPHER' | 'MAC'}` | 'SUPPORTED_SERVER_HOST_KEY',
    readonly string[]
  >;
  export default constants;
}

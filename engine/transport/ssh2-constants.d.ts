/** The lists of algorithms of ssh2, which its own types leave out. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: Record<
    `${'DEFAULT' | 'SUPPORTED'}_${'KEX' | 'CIPHER' | 'MAC'}` | 'SUPPORTED_SERVER_HOST_KEY',
    readonly string[]
  >;
  export default constants;
}

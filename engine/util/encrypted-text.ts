/** The beginnings of encrypted values in files of secrets: those of reconcile, and those of sops. */
const beginnings = ['enc:', 'ENC[AES256_GCM,'];

/** Whether a value is encrypted, or the rest of an encrypted one where its file `isCutOff` behind it. */
export function isEncrypted(text: string, isCutOff = false): boolean {
  return beginnings.some(
    beginning => text.startsWith(beginning) || (isCutOff && text !== '' && beginning.startsWith(text)),
  );
}

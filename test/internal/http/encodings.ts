/** Ways in which a registry may repeat what it was sent. */
export const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64")
const everyByte = (text: string) =>
  Array.from(Buffer.from(text, "utf8"), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

/** The ways in which a text is repeated. */
export const encodings: Readonly<Record<string, (text: string) => string>> = {
  raw: (text) => text,
  "upper case": (text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  "lower case": (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
  base64,
  base64url: (text) => Buffer.from(text, "utf8").toString("base64url"),
  "base64 of more": (text) => base64(`{"a":"${text}"}`),
  "base64 in lines": (text) => base64(`Authorization: ${text}`).replace(/.{20}/g, "$&\n"),
  percent: encodeURIComponent,
  form: (text) => new URLSearchParams([["x", text]]).toString().slice(2),
  "percent, every byte": everyByte,
  "percent twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  JSON: (text) => JSON.stringify(text).slice(1, -1),
  "JSON, every unit": (text) =>
    text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  HTML: (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\"", "&#34;")
}

// ESLint's rules for the page of the annotation studio: ESLint's own, without packages of others.
const browser = ["addEventListener", "atob", "Blob", "createImageBitmap", "CustomEvent", "DecompressionStream", "devicePixelRatio",
  "document", "fetch", "history", "HTMLInputElement", "ImageData", "IntersectionObserver", "location", "OffscreenCanvas", "requestAnimationFrame", "ResizeObserver",
  "Response", "sessionStorage", "setInterval", "setTimeout", "URLSearchParams", "window"];
const errors = ["array-callback-return", "eqeqeq", "no-constant-condition", "no-dupe-keys", "no-duplicate-imports", "no-empty",
  "no-eval", "no-fallthrough", "no-implicit-globals", "no-irregular-whitespace", "no-redeclare", "no-self-compare",
  "no-shadow-restricted-names", "no-undef", "no-unreachable", "no-unused-vars", "no-useless-escape", "no-var", "prefer-const",
  "valid-typeof"];
export default [{
  files: ["**/*.js"],
  languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: Object.fromEntries(browser.map(name => [name, "readonly"])) },
  rules: { ...Object.fromEntries(errors.map(name => [name, "error"])), "max-len": ["error", 140] },
}];

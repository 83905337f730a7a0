// Puts a live number, picked from the selects of the form, into its text where the cursor stands.
export function mount(element) {
  const area = element.querySelector("textarea");
  const part = (name) => element.querySelector(`[data-part="${name}"]`)?.value ?? "";
  const quoted = (text) => (/[\s'"]/.test(text) ? `"${text.replaceAll('"', "")}"` : text);
  const insert = () => {
    const scope = ["category", "market", "from", "to", "show"].filter((name) => part(name));
    const said = [part("metric"), ...scope.map((name) => `${name}=${quoted(part(name))}`)].join(" ");
    area.setRangeText(`{${said}}`, area.selectionStart, area.selectionEnd, "end");
    area.focus();
  };
  const button = element.querySelector("[data-insert]");
  button.addEventListener("click", insert);
  area.focus();
  return () => button.removeEventListener("click", insert);
}

// Moves through the target grid by arrows, saves a cell on Enter or when it is left, puts it back on Escape.
export function mount(element) {
  const cells = () => [...element.querySelectorAll("input[data-row]")];
  const at = (row, column) => element.querySelector(`input[data-row="${row}"][data-column="${column}"]`);
  const keydown = (event) => {
    const cell = event.target;
    if (!cell.matches("input[data-row]")) return;
    const row = Number(cell.dataset.row);
    const column = Number(cell.dataset.column);
    const next = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], Enter: [row + 1, column] }[event.key];
    if (event.key === "Escape") {
      cell.value = cell.defaultValue;
      cell.select();
    } else if (next) {
      event.preventDefault();
      (at(...next) ?? cell).focus();
      if (!at(...next)) cell.blur();
    }
  };
  const focusin = (event) => event.target.matches("input[data-row]") && event.target.select();
  const focusout = (event) => {
    const cell = event.target;
    if (cell.matches("input[data-row]") && cell.value.trim() !== cell.defaultValue) cell.dispatchEvent(new Event("save", { bubbles: true }));
  };
  element.addEventListener("keydown", keydown);
  element.addEventListener("focusin", focusin);
  element.addEventListener("focusout", focusout);
  return () => cells().forEach((cell) => cell.blur());
}

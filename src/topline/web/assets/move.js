// Moves an item of the calendar on the server, says what came of it, and offers to undo it.
import { toast } from "./shell.js";

const headers = () => ({ ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" });

async function post(address, values) {
  const answer = await fetch(address, { method: "POST", headers: headers(), body: new URLSearchParams(values) }).catch(() => null);
  return answer?.json().catch(() => null) ?? null;
}

// Whether it was moved; `refresh` is called once it was, and once it was undone.
export async function moveItem(values, { move, undo, failed }, refresh) {
  const told = await post(move, values);
  if (!told || told.error) {
    toast(told?.error ?? failed, "error");
  } else {
    toast(told.text, "good", undo, async () => {
      const back = await post(move, told.undo);
      toast(back?.error ?? back?.text ?? failed, back?.text ? "note" : "error");
      refresh();
    });
  }
  refresh();
  return Boolean(told && !told.error);
}

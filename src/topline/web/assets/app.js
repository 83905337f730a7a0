import { startIslands } from "./islands.js";

startIslands();

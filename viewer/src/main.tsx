import "uplot/dist/uPlot.min.css";
import "./style.css";
import { render } from "preact";
import { App } from "./app.js";
import { guardUnsaved } from "./unsaved.js";

guardUnsaved();
render(<App />, document.getElementById("app")!);

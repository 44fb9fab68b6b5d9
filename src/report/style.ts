import { heatGradient, PREDICTION_COLOUR, REFERENCE_COLOUR, toCss } from "./palette.js";

/** Lines of a chart, on light and on dark paper; dashes tell them apart without any colour. */
const LINES: readonly { light: string; dark: string; dash: string }[] = [
  { light: "#0072b2", dark: "#56b4e9", dash: "none" },
  { light: "#d55e00", dark: "#f0833a", dash: "7 3" },
  { light: "#00795a", dark: "#2fc79c", dash: "2 3" },
  { light: "#a8497f", dark: "#e09ac2", dash: "9 3 2 3" },
  { light: "#8a6a00", dark: "#e6b422", dash: "12 4" },
  { light: "#4a5568", dark: "#b6bfcc", dash: "4 2" },
  { light: "#1f1f1f", dark: "#f2f2f2", dash: "1 2" },
  { light: "#5b6f00", dark: "#b7d14b", dash: "none" },
  { light: "#6a3fb0", dark: "#b99af2", dash: "14 3 2 3 2 3" },
  { light: "#b3261e", dark: "#ff8f86", dash: "2 6" },
  { light: "#00707c", dark: "#4fd0de", dash: "5 5" },
  { light: "#7a4a21", dark: "#d9a066", dash: "18 3" },
];
/** How many lines can be told apart: `s0`, `s1`, ... */
export const LINE_STYLES = LINES.length;
const lineColours = (paper: "light" | "dark") => LINES.map((line, i) => `--s${i}:${line[paper]};`).join("");
const lineRules = LINES.map(
  ({ dash }, i) =>
    `.line.s${i}{stroke:var(--s${i});stroke-dasharray:${dash}}circle.line.s${i},.band.s${i}{fill:var(--s${i})}`,
).join("\n");

/** The report's whole style sheet: no font, picture or script from elsewhere. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fcfcfa;--sheet:#fff;--ink:#1d2227;--soft:#5b6570;--rule:#dfe2e4;--bar:#dbe8f1;
--best:#0b5c8a;${lineColours("light")}}
@media (prefers-color-scheme:dark){:root{--paper:#131618;--sheet:#1a1e21;--ink:#e6e9eb;--soft:#9aa4ad;--rule:#31373c;
--bar:#20394a;--best:#7cc4ef;${lineColours("dark")}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:1040px;margin:0 auto;padding:40px 20px 72px}
h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0 0 20px;overflow-wrap:anywhere}
h2{font-size:1.25rem;font-weight:650;letter-spacing:-.01em;margin:56px 0 16px;padding-top:16px;border-top:2px solid var(--ink)}
h3{font-size:1rem;font-weight:650;margin:32px 0 8px}
h3 .why{display:inline-block;min-width:4.2em;color:var(--soft);font-weight:500}
small,.soft{color:var(--soft);font-size:.85rem;font-weight:400}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:12px 24px;margin:0}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:0;overflow-wrap:anywhere}
.notes{margin:24px 0 0;padding:0 0 0 14px;border-left:3px solid var(--rule);list-style:none}
.notes li{margin:4px 0}
.means{display:flex;flex-wrap:wrap;gap:8px 40px;margin:0 0 16px}
.means div{display:flex;flex-direction:column-reverse}
.means dt{color:var(--soft);font-size:.8rem}
.means dd{margin:0;font-size:1.6rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px 5px 0;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:500;color:var(--soft);font-size:.8rem;vertical-align:bottom}
th.text,td.text{text-align:left}
td.text{white-space:normal;min-width:7em;overflow-wrap:anywhere}
td.bar{background:linear-gradient(var(--bar),var(--bar)) 0 50%/calc(var(--part)*1%) 68% no-repeat;padding-left:24px}
tr.mean td{border-bottom-color:transparent;font-weight:600}
tr.mean:first-child td{border-top:1px solid var(--ink)}
td.best{color:var(--best);font-weight:700}
details{margin-top:8px}summary{cursor:pointer;color:var(--soft);padding:4px 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:28px;margin-top:28px}
figure{margin:0}
.chart figcaption{font-weight:600;margin-bottom:6px}
.chart svg{width:100%;height:auto;display:block;overflow:visible}
.grid path{stroke:var(--rule)}.grid text{fill:var(--soft);font-size:15px}
.grid .y{text-anchor:end}.grid .x{text-anchor:middle}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.band{opacity:.16;stroke:none}
.dots circle{fill:var(--s0);opacity:.5}.dots .mean{stroke:var(--ink);stroke-width:3}.dots text{fill:var(--ink);font-size:15px;text-anchor:end}
.keys{display:flex;flex-wrap:wrap;gap:2px 18px;margin:6px 0 0;padding:0;list-style:none;font-size:.85rem}
.chart svg.key{display:inline-block;width:28px;height:8px;margin-right:6px;vertical-align:middle}
${lineRules}
.legend{display:flex;flex-wrap:wrap;gap:6px 24px;margin:0;padding:0;list-style:none;font-size:.85rem}
.legend li{display:flex;align-items:center;gap:8px}
.stroke{width:28px;height:0;border-top:3px solid}
.reference{border-color:${toCss(REFERENCE_COLOUR)}}.prediction{border-color:${toCss(PREDICTION_COLOUR)}}
.both{border:0;height:3px;background:repeating-linear-gradient(to right,${toCss(REFERENCE_COLOUR)} 0 7px,${toCss(PREDICTION_COLOUR)} 7px 14px)}
.heat{width:120px;height:10px;background:${heatGradient()}}
.slices{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:4px;margin-top:10px}
.slices figure{position:relative;background:#000;display:flex;align-items:center;justify-content:center;aspect-ratio:1}
.slices img{display:block;max-width:100%;max-height:100%;width:100%;height:100%;object-fit:contain}
.slices figcaption,.edge{position:absolute;color:#fff;font-size:.72rem;line-height:1.3;text-shadow:0 0 3px #000,0 0 2px #000}
.slices figcaption{left:6px;bottom:4px}
.edge.left{left:6px;top:50%;transform:translateY(-50%)}.edge.top{top:4px;left:50%;transform:translateX(-50%)}
.empty{color:var(--soft)}
@media (max-width:560px){main{padding:24px 14px 48px}h1{font-size:1.4rem}.means{gap:8px 24px}.means dd{font-size:1.3rem}
.slices{gap:2px}.slices figcaption,.edge{font-size:.62rem}th,td{padding-right:10px}}
@media print{main{max-width:none;padding:0}h2,h3{break-after:avoid}.slices,figure{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;

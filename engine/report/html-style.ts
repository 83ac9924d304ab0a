/** The look of the HTML report, in light and dark, and on paper. */
export const css = `
:root { color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14171c); --card: light-dark(#fff, #1c2027); --line: light-dark(#e2e6ec, #2d333d);
  --text: light-dark(#1d2430, #e4e8ee); --soft: light-dark(#5b6577, #98a2b3);
  --green: light-dark(#137a43, #5ad18f); --yellow: light-dark(#8a5a00, #e9bd5c);
  --red: light-dark(#b42318, #ff8a7d); --purple: light-dark(#6b3fa0, #c9a5f5); --blue: light-dark(#0b5cad, #7fb8ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 64rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; } main { padding-bottom: 3rem; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .75rem; font-size: 1.05rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
h4 { margin: .9rem 0 .3rem; font-size: .95rem; color: var(--soft); }
h3 small { color: var(--soft); font-weight: 400; }
a { color: var(--blue); } a:focus-visible, input:focus-visible, summary:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
.kind { margin: 0 0 .25rem; color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; }
.status { margin: 1rem 0; padding: .7rem 1rem; border-left: 4px solid; border-radius: .3rem; background: var(--card);
  font-size: 1.1rem; font-weight: 600; overflow-wrap: anywhere; }
.status.ok, td.ok { color: var(--green); } .status.changed, td.changed { color: var(--yellow); }
.status.failed, td.failed { color: var(--red); }
dl { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: 0; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; overflow-wrap: anywhere; }
.filter { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 0 0 .6rem; padding: 0; border: 0; }
.filter legend { float: left; margin-right: 1.2rem; padding: 0; color: var(--soft); }
.filter label { cursor: pointer; }
main:has(#show-failed:checked) [data-kind]:not([data-kind=failed]),
main:has(#show-changed:checked) [data-kind]:not([data-kind=changed]),
main:has(#show-ok:checked) [data-kind]:not([data-kind=ok]) { display: none; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.hosts th, .hosts td { padding: .35rem .8rem; border-top: 1px solid var(--line); text-align: right; white-space: nowrap; }
.hosts thead th { border-top: 0; color: var(--soft); font-size: .8rem; font-weight: 400; }
.hosts th:first-child { text-align: left; white-space: normal; min-width: 9rem; }
.hosts td:nth-child(2), .hosts th:nth-child(2) { text-align: left; }
td.none { color: var(--soft); opacity: .6; }
.times { table-layout: fixed; } .times th { font-weight: 400; text-align: left; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.times thead th { color: var(--soft); font-size: .8rem; }
.times th:first-child { width: 22%; } .times th:last-child, .times td:last-child { width: 6.5rem; text-align: right; }
.bars { position: relative; height: .9rem; border-radius: .2rem; background: var(--line); overflow: hidden; }
.bars i { position: absolute; top: 0; bottom: 0; min-width: 1px; background: var(--soft); }
.bars .busy { opacity: .35; } .bars .unchanged, .bars .skipped { opacity: .6; }
.bars .create, .bars .write { background: var(--green); } .bars .update { background: var(--yellow); }
.bars .run { background: var(--blue); } .bars .answer { background: var(--purple); }
.bars .remove, .bars .failed { background: var(--red); }
article { margin: 0 0 .9rem; padding: 1rem 1.1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
article:target { border-color: var(--blue); }
article[data-kind=failed] { border-left: 4px solid var(--red); }
ol { margin: 0; padding: 0; list-style: none; }
ol li { position: relative; padding: .3rem 0 .3rem 1.6rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
ol li:first-child { border-top: 0; }
.sign { position: absolute; left: .2rem; font-weight: 700; font-family: ui-monospace, monospace; }
.create > .sign, .write > .sign { color: var(--green); } .update > .sign { color: var(--yellow); }
.remove > .sign, .failed > .sign { color: var(--red); }
.run > .sign { color: var(--blue); } .answer > .sign { color: var(--purple); }
.unchanged > .sign, .skipped > .sign, .unknown > .sign { color: var(--soft); }
li > code, .after, .quiet, summary { color: var(--soft); }
.what { margin-left: .3rem; }
ins { color: var(--green); text-decoration: none; } del { color: var(--red); text-decoration: none; }
.deviation { margin: .2rem 0; color: var(--yellow); }
.quiet { margin: 0; }
details { margin: .3rem 0; } summary { cursor: pointer; font-size: .9rem; }
pre { margin: .3rem 0; padding: .6rem .8rem; border-radius: .4rem; background: var(--ground); overflow-x: auto; }
pre .ins { color: var(--green); } pre .del { color: var(--red); } pre .gap { color: var(--soft); }
.problem { margin: .4rem 0; padding: .5rem .8rem; border-left: 3px solid var(--red); }
.problem p { margin: 0; } .hint { white-space: pre-wrap; }
@media print {
  :root { color-scheme: light; } body { background: #fff; font-size: 11px; }
  header, main { max-width: none; padding: 0; } .filter { display: none; }
  [data-kind] { display: revert !important; } article, .status, .wide { break-inside: avoid-page; }
  article, .wide { border-color: #bbb; } pre { white-space: pre-wrap; }
  .output::details-content { content-visibility: visible; block-size: auto; }
  .bars, .bars i, .status { print-color-adjust: exact; }
}
`;

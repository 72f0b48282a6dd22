import Files
import Foundation

/// The look of a page, and the little program that sorts its tables. Both stand in the page; its policy names their hashes, so
/// that nothing else runs in it, whatever a run's texts hold.
enum PageStyle {
    /// The page's policy: nothing is fetched, nothing runs but `script`, pictures are data of the page.
    static var policy: String {
        "default-src 'none'; img-src data:; style-src '\(hash(css))'; script-src '\(hash(script))'; base-uri 'none'; "
            + "form-action 'none'"
    }

    private static func hash(_ text: String) -> String {
        let digits = Array(SHA256.hex(of: text).utf8)
        let bytes = stride(from: 0, to: digits.count, by: 2).map { place in
            UInt8(String(decoding: digits[place..<place + 2], as: UTF8.self), radix: 16) ?? 0
        }
        return "sha256-" + Data(bytes).base64EncodedString()
    }

    static let script = """
        "use strict";
        document.querySelectorAll("table.sortable").forEach(function (table) {
          var body = table.tBodies[0];
          Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
            head.tabIndex = 0;
            head.classList.add("sorts");
            function key(row) {
              var cell = row.cells[column];
              var text = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
              var number = text === "" ? NaN : Number(text);
              return { text: text, number: number };
            }
            function sort() {
              var up = head.getAttribute("aria-sort") !== "ascending";
              Array.from(table.tHead.rows[0].cells).forEach(function (other) { other.removeAttribute("aria-sort"); });
              head.setAttribute("aria-sort", up ? "ascending" : "descending");
              Array.from(body.rows).map(function (row, place) { return { row: row, key: key(row), place: place }; })
                .sort(function (a, b) {
                  if ((a.key.text === "") !== (b.key.text === "")) { return a.key.text === "" ? 1 : -1; }
                  var order = isNaN(a.key.number) || isNaN(b.key.number)
                    ? a.key.text.localeCompare(b.key.text, undefined, { numeric: true }) : a.key.number - b.key.number;
                  return (up ? order : -order) || a.place - b.place;
                }).forEach(function (item) { body.appendChild(item.row); });
            }
            head.addEventListener("click", sort);
            head.addEventListener("keydown", function (event) {
              if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
            });
          });
        });
        """

    private static let light = """
        --bg: #fcfcfb; --panel: #ffffff; --ink: #1b2127; --soft: #5a656e; --faint: #8b959c; --line: #e3e6e8; --grid: #eceff0;
        --accent: #0a66a3; --floor: #b4560b; --good: #1d7a53; --bad: #b3372b; --wash: #f3f5f6;
        --s0: #0a66a3; --s1: #c4570a; --s2: #0c8060; --s3: #9a4a86; --s4: #846a00; --s5: #2f93c4; --s6: #596067;
        """

    private static let dark = """
        --bg: #13171a; --panel: #181d21; --ink: #e4e8eb; --soft: #9aa6ae; --faint: #74808a; --line: #2c333a; --grid: #232a30;
        --accent: #70b6e8; --floor: #e59a52; --good: #63c297; --bad: #ec8377; --wash: #1c2227;
        --s0: #70b6e8; --s1: #ee945a; --s2: #4cc2a0; --s3: #d493c4; --s4: #d9bf57; --s5: #a7d8f2; --s6: #aab3ba;
        """

    static let css = """
        :root { color-scheme: light dark; \(light) }
        @media screen and (prefers-color-scheme: dark) { :root { \(dark) } }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body { margin: 0; background: var(--bg); color: var(--ink); overflow-wrap: break-word;
          font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
        .wrap { max-width: 1120px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
        .bar { border-bottom: 1px solid var(--line); font-size: 13px; color: var(--soft); }
        .bar .wrap { display: flex; flex-wrap: wrap; gap: 4px 14px; padding-top: 10px; padding-bottom: 10px; align-items: baseline; }
        .bar b { color: var(--ink); font-weight: 650; letter-spacing: .01em; margin-right: auto; }
        a { color: var(--accent); text-decoration: none; overflow-wrap: anywhere; }
        a:hover { text-decoration: underline; }
        article { padding-bottom: 28px; }
        article + article { border-top: 1px solid var(--line); }
        h1 { font-size: clamp(22px, 3.2vw, 30px); line-height: 1.2; font-weight: 650; letter-spacing: -.015em;
          margin: 34px 0 4px; overflow-wrap: anywhere; }
        .lead { color: var(--soft); margin: 0 0 18px; overflow-wrap: anywhere; }
        h2 { font-size: 18px; line-height: 1.3; font-weight: 650; letter-spacing: -.005em; margin: 40px 0 4px; }
        h2 + p, h3 + p { margin-top: 0; }
        h3 { font-size: 14px; font-weight: 650; margin: 22px 0 8px; }
        p { margin: 6px 0 12px; max-width: 74ch; }
        .soft { color: var(--soft); }
        .small { font-size: 13px; }
        code, pre, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", Menlo, monospace; font-size: 12.5px; }
        pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; margin: 8px 0 12px;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        .state { font-size: 12px; font-weight: 600; padding: 2px 9px; border-radius: 99px; border: 1px solid currentColor;
          vertical-align: 3px; margin-left: 8px; white-space: nowrap; letter-spacing: 0; }
        .state.done { color: var(--good); } .state.failed { color: var(--bad); }
        .state.interrupted, .state.running { color: var(--floor); }
        dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 168px), 1fr)); gap: 14px 24px; margin: 0;
          padding: 16px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
        dl.facts dt { font-size: 12px; color: var(--soft); }
        dl.facts dd { margin: 1px 0 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
        dl.list { display: grid; grid-template-columns: minmax(110px, max-content) minmax(0, 1fr); gap: 3px 18px; margin: 8px 0 14px;
          font-size: 13.5px; }
        dl.list dt { color: var(--soft); overflow-wrap: anywhere; } dl.list dd { margin: 0; overflow-wrap: anywhere; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr)); gap: 14px; margin: 14px 0 22px; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 26px 30px; margin: 14px 0 22px;
          align-items: start; }
        figure { margin: 0; min-width: 0; break-inside: avoid; }
        .tile { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px 8px; }
        .tile .name { font-size: 13px; color: var(--soft); display: block; }
        .tile .big { font-size: 25px; line-height: 1.25; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; display: block; }
        .tile .sub { font-size: 12.5px; color: var(--soft); font-variant-numeric: tabular-nums; display: block; }
        .charts figcaption { font-size: 14px; font-weight: 600; margin-bottom: 4px; overflow-wrap: anywhere; }
        .charts figcaption span { font-weight: 400; color: var(--soft); font-size: 12.5px; }
        svg.chart { display: block; width: 100%; max-width: 460px; height: auto; overflow: visible; }
        svg text { font-family: inherit; font-size: 10.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
        svg .label { fill: var(--ink); font-size: 11px; } svg .axistitle { font-size: 11px; }
        svg .grid { stroke: var(--grid); } svg .axis, svg .tick { stroke: var(--faint); }
        svg .interval { stroke: var(--accent); stroke-width: 1.6; }
        svg .value { fill: var(--accent); stroke: var(--bg); stroke-width: 1; }
        svg .floor { fill: var(--bg); stroke: var(--floor); stroke-width: 1.6; }
        svg .floorline { fill: none; stroke: var(--floor); stroke-width: 1.4; stroke-dasharray: 3 3; }
        svg .chance { fill: none; stroke: var(--faint); stroke-dasharray: 3 3; }
        svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } svg .band { stroke: none; opacity: .16; }
        svg .dashed.line { stroke-dasharray: 5 3; }
        \((0..<7).map { "svg .line.s\($0) { stroke: var(--s\($0)); } svg .band.s\($0), svg .dot.s\($0) { fill: var(--s\($0)); }" }.joined(separator: "\n"))
        svg .cell { font-size: 10.5px; } svg .cell.light { fill: #fff; } svg .cell.dark { fill: #14212b; }
        svg .missing { fill: none; stroke: var(--line); stroke-dasharray: 2 2; }
        svg .best { fill: none; stroke: var(--floor); stroke-width: 2; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0; margin: 6px 0 0; font-size: 12.5px; color: var(--soft); }
        .legend li { display: flex; align-items: center; gap: 6px; min-width: 0; overflow-wrap: anywhere; } svg.key { width: 18px; height: 8px; flex: none; overflow: visible; }
        .scroll { overflow-x: auto; margin: 10px 0 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); }
        .tall { max-height: 420px; overflow-y: auto; }
        table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
        th, td { padding: 7px 12px; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); white-space: nowrap; }
        tr:last-child td { border-bottom: 0; }
        th { font-weight: 600; color: var(--soft); font-size: 12.5px; vertical-align: bottom; background: var(--wash); }
        th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--panel); z-index: 1; }
        th:first-child { background: var(--wash); }
        th.t, td.t { text-align: left; } td.wide { white-space: normal; min-width: 260px; max-width: 460px; overflow-wrap: anywhere; }
        td small { display: block; color: var(--soft); font-size: 11.5px; line-height: 1.35; }
        td small.f { color: var(--floor); }
        th.sorts { cursor: pointer; } th.sorts:hover, th.sorts:focus-visible { color: var(--ink); }
        th[aria-sort="ascending"]::after { content: " ▲"; font-size: 9px; } th[aria-sort="descending"]::after { content: " ▼"; font-size: 9px; }
        tr.published td { color: var(--soft); }
        .films { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 148px), 1fr)); gap: 18px 16px; margin: 12px 0 20px; }
        .films.pairs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
        .films .row { display: grid; grid-template-columns: 1fr; gap: 4px; } .films.pairs .row { grid-template-columns: 1fr 1fr; }
        .films img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; background: #000; border-radius: 4px; }
        .films .none { display: grid; place-items: center; aspect-ratio: 1; border: 1px dashed var(--line); border-radius: 4px;
          color: var(--soft); font-size: 12px; text-align: center; padding: 8px; }
        .films figcaption { font-size: 12.5px; line-height: 1.45; margin-top: 5px; overflow-wrap: anywhere; }
        .films figcaption b { font-weight: 600; font-variant-numeric: tabular-nums; } .films figcaption span { color: var(--soft); display: block; }
        .picture img { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #000; margin: 10px 0; }
        ul.plain { padding-left: 18px; margin: 6px 0 12px; } ul.plain li { margin: 3px 0; overflow-wrap: anywhere; }
        details { border-top: 1px solid var(--line); padding: 8px 0; } details:last-of-type { border-bottom: 1px solid var(--line); }
        summary { cursor: pointer; font-weight: 600; font-size: 14px; } summary span { font-weight: 400; color: var(--soft); }
        footer { color: var(--soft); font-size: 12.5px; padding: 18px 0 40px; border-top: 1px solid var(--line); }
        @media (max-width: 520px) { dl.facts { grid-template-columns: 1fr 1fr; gap: 12px 16px; }
          dl.list { grid-template-columns: 1fr; gap: 0; } dl.list dd { margin-bottom: 6px; } th, td { padding: 6px 10px; } }
        @media print {
          body { font-size: 11px; } .bar a { display: none; } h1 { margin-top: 12px; } h2 { margin-top: 22px; } h2, h3, summary { break-after: avoid; }
          .scroll, .tall { overflow: visible; max-height: none; border: 0; } th, td { padding: 3px 6px; font-size: 9.5px; white-space: normal; }
          th:first-child, td:first-child { position: static; } .tile, tr { break-inside: avoid; }
          .charts { grid-template-columns: 1fr 1fr; } details::details-content { content-visibility: visible; height: auto; }
          article + article { break-before: page; }
        }
        """
}

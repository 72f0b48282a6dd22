import Files
import Runs

extension Command {
    /// `chexgen runs`.
    static let runs = Command(
        name: "runs", about: "list runs, the newest first", arguments: [.init("FOLDER", .folder, .optional)],
        options: [Listing.format],
        text: [
            "FOLDER is the folder that holds the runs (default: runs). A run is done, running, interrupted or failed; a folder "
                + "of a run that is damaged is listed as broken, with what is wrong with it."
        ],
        examples: [
            ("chexgen runs", "the runs of this folder"),
            ("chexgen runs --format csv | grep interrupted", "those that --resume goes on with"),
        ]
    ) { given in
        let format = try given.choice("format", of: Listing.formats)
        let all = try RunSummary.all(in: given.positional.first ?? "runs")
        if all.isEmpty, format == "text" {
            print("no runs in \(given.positional.first ?? "runs")")
            return .done
        }
        let rows = all.map { run -> [JSON] in
            [
                .string(run.name), Listing.filled(run.experiment), .string(run.state.rawValue),
                run.state == .broken ? .null : .integer(run.rows), .string(run.begun), Listing.filled(run.note),
            ]
        }
        Listing(columns: ["name", "experiment", "state", "rows", "when", "note"], rows: rows).print(format)
        return .done
    }
}

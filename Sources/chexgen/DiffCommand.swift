import Runs

extension Command {
    /// `chexgen diff`.
    static let diff = Command(
        name: "diff", about: "in which parameters, inputs and results two runs differ",
        arguments: [.init("RUN_A", .run), .init("RUN_B", .run)],
        options: [.init("all", "name every input and result that differs, not only the first \(mostNamed) of each")],
        text: ["The status is 0 whether the two run folders differ or not."],
        examples: [("chexgen diff runs/a runs/b", "a line for everything that is not the same")]
    ) { given in
        let lines = try RunDiff.compare(
            given.positional[0], given.positional[1], most: given.has("all") ? .max : mostNamed)
        print(lines.isEmpty ? "no difference" : lines.joined(separator: "\n"))
        return .done
    }

    /// A run on a folder of films may differ from another in every film.
    private static let mostNamed = 20
}

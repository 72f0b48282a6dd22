extension Command {
    /// Every command, in the order of the help. A command is a file and a line here.
    static let all: [Command] = [
        .run, .runs, .show, .report, .leaderboard, .diff, .params, .doctor, .repl, .stubs, .completion, .help, .version,
    ]

    /// A command by its name.
    static func named(_ name: String) -> Command? { all.first { $0.name == name } }
}

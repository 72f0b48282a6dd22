/// What `chexgen help` prints.
enum Help {
    static let text = """
        chexgen: judge synthetic chest radiographs with Lua experiments

        usage:
          chexgen run FILE.yaml|FILE.lua [OPTION …]   run an experiment, or a plain script
          chexgen repl                                type Lua
          chexgen diff RUN_A RUN_B                    in which parameters, inputs and results two runs differ
          chexgen doctor                              versions, CPU features, which weights are found where
          chexgen stubs [--out DIR] [--manual FILE]   write the LuaCATS stubs, and the Lua reference

        options of run:
        """

    static func text(of options: [CommandLineOptions.Option]) -> String {
        let left = options.map { "--\($0.name)" + ($0.value.map { " \($0)" } ?? "") }
        let width = (left.map(\.count).max() ?? 0) + 2
        return zip(left, options).map { words, option in
            "  " + words + String(repeating: " ", count: width - words.count) + option.text
        }.joined(separator: "\n")
    }

    static let exitStatus = """

        exit status: 0 done; 1 the script or its input failed; 2 the command line or the YAML is wrong;
                     3 a pinned file or the program changed; 130 interrupted
        """
}

/// What the command line asks of `chexgen run`.
public struct RunRequest {
    /// The `.yaml` or `.lua` file.
    public var file: String
    /// The SHA-256 of the sources that the program was built from.
    public var build: String
    /// Words after the file, which a script finds in `arg`.
    public var arguments: [String] = []
    /// The options that the command line knows, for messages about one that is none.
    public var options: [String] = []
    /// The values of `--set`.
    public var overrides: [String] = []
    /// The run folder to make; below `runs` where nil.
    public var outputFolder: String?
    /// The run folder to go on with.
    public var resumeFolder: String?
    /// Whether a run that another program computed is repeated, or gone on with, all the same.
    public var allowsOtherProgram = false
    /// Threads of the kernels; the configuration's, or all cores, where nil.
    public var threads: Int?
    /// Bytes of Lua's heap and of tensors together.
    public var memoryLimit: Int?
    /// Seconds.
    public var timeLimit: Double?
    /// Folders beside the run folder that scripts may write to.
    public var writableFolders: [String] = []
    /// Where scripts may read, beside what they may write; any regular file, and the environment, where nil.
    public var readableFolders: [String]?
    /// Look at everything that the run starts from, and compute nothing.
    public var isCheck = false
    /// No progress lines.
    public var isQuiet = false

    /// A request that runs `file` with the defaults.
    public init(file: String, build: String) {
        self.file = file
        self.build = build
    }
}

import Foundation

/// What a host grants to its scripts.
public struct LuaOptions {
    /// The most bytes of Lua's heap and of what `outsideBytes` counts together; nil is no limit.
    public var memoryLimit: Int?
    /// Bytes that are held outside of Lua's heap and count to the limit; asked for often. nil: nothing else counts.
    public var outsideBytes: (@convention(c) () -> Int64)?
    /// The most seconds that scripts may run, from the first call on; nil is no limit.
    public var timeLimit: Double?
    /// The most virtual machine instructions that scripts may run; nil is no limit.
    public var instructionLimit: Int?
    /// Folders below which scripts may write, rename and remove files.
    public var writableFolders: [String]
    /// Where `require "a.b"` looks for `a/b.lua` and `a/b/init.lua`, in this order.
    public var searchFolders: [String]
    /// Folders of the program's own scripts: where such a script hands on what a user gave, and that is at fault, an
    /// error does not say which of its lines did.
    public var ownFolders: [String] = []
    /// The global `arg`, from index 1.
    public var arguments: [String]
    /// Where `print` and `io.write` go; nil is standard output.
    public var output: ((String) -> Void)?

    /// Is called with the path and the bytes of each file that `require` reads, before it runs; what it throws becomes a Lua
    /// error.
    public var moduleWasFound: ((String, Data) throws -> Void)?

    /// Is called with the path of each file that a script opens, and whether it writes to it, once it is open and nothing was read;
    /// also for files that the program writes for it. What it throws becomes a Lua error.
    public var fileWasOpened: ((_ path: String, _ writes: Bool) throws -> Void)?

    /// What an error says beside the files that were tried, where `require` does not find the module of this name.
    public var missingModuleHint: ((String) -> String?)?

    /// The limit of memory where none is given: `CHEXGEN_MEMORY_LIMIT`, in megabytes; nil where it is not set.
    /// - Throws: `LuaError` where it is no such number. A limit that is misspelt must not be none.
    public static func environmentLimit() throws -> Int? { try environment.get() }

    private static let environment = Result {
        try megabytes(ProcessInfo.processInfo.environment["CHEXGEN_MEMORY_LIMIT"] ?? "")
    }

    private static func megabytes(_ text: String) throws -> Int? {
        if text.isEmpty { return nil }
        guard let number = Int(text), 0 < number, number <= 1 << 40 else {
            throw LuaError(
                "CHEXGEN_MEMORY_LIMIT: wanted megabytes, a whole number above 0, got \"\(text)\"; unset it for no limit"
            )
        }
        return number << 20
    }

    /// No limits but the environment's of memory, nothing writable, nothing to require.
    public init(
        memoryLimit: Int? = nil, outsideBytes: (@convention(c) () -> Int64)? = nil, timeLimit: Double? = nil,
        instructionLimit: Int? = nil, writableFolders: [String] = [], searchFolders: [String] = [],
        arguments: [String] = [], output: ((String) -> Void)? = nil
    ) {
        self.memoryLimit = memoryLimit ?? (try? Self.environmentLimit())
        self.outsideBytes = outsideBytes
        self.timeLimit = timeLimit
        self.instructionLimit = instructionLimit
        self.writableFolders = writableFolders
        self.searchFolders = searchFolders
        self.arguments = arguments
        self.output = output
    }
}

/// The version of the program, which goes to every run.
public enum Version {
    /// Major, minor and patch.
    public static let text = "0.1.0"
}

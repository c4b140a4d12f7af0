extension LogDigest.Line {
  var entry: Manifest.Line { .init(time: nanoseconds, text: String(decoding: text, as: UTF8.self)) }
}

#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa::pskc {

[[noreturn]] inline void refuse(const std::string& reason) { throw Error(errc::invalid_token_file, reason); }

/// One element of a document, which it borrows. Elements are known by their local names: those of which PSKC
/// is made have no two meanings, and files in use take liberties with their namespaces.
class Element {
 public:
  explicit Element(const xmlNode* node) noexcept : node_(node) {}

  [[nodiscard]] std::string_view name() const noexcept { return view(node_->name); }
  [[nodiscard]] std::string_view name_space() const noexcept {
    return node_->ns == nullptr ? std::string_view() : view(node_->ns->href);
  }

  /// Its children, and what follows it; nothing at the end.
  [[nodiscard]] std::optional<Element> first() const noexcept { return from(node_->children); }
  [[nodiscard]] std::optional<Element> next() const noexcept { return from(node_->next); }

  /// The child of this name, if there is one. Throws `errc::invalid_token_file` if there are two, of which
  /// readers would take different ones.
  [[nodiscard]] std::optional<Element> child(std::string_view name) const {
    std::optional<Element> found;
    for (auto at = first(); at; at = at->next()) {
      if (at->name() != name) continue;
      if (found) refuse("the element " + std::string(name) + " stands twice where there may be one");
      found = at;
    }
    return found;
  }

  /// The first that has this name, where languages are told apart.
  [[nodiscard]] std::optional<Element> first_child(std::string_view name) const noexcept {
    auto at = first();
    while (at && at->name() != name) at = at->next();
    return at;
  }

  /// Of no namespace; empty if it has none of this name.
  [[nodiscard]] std::string attribute(std::string_view name) const {
    std::string value;
    for (const xmlAttr* at = node_->properties; at != nullptr; at = at->next)
      if (view(at->name) == name)
        for (const xmlNode* part = at->children; part != nullptr; part = part->next)
          value += view(part->content);
    return value;
  }

  /// Calls with the name of each attribute.
  template <class Call> void attributes(Call&& call) const {
    for (const xmlAttr* at = node_->properties; at != nullptr; at = at->next) call(view(at->name));
  }

  /// Without white space around it. Throws `errc::invalid_token_file` if it has elements.
  [[nodiscard]] crypto::SecretString text() const {
    crypto::SecretString found;
    for (const xmlNode* part = node_->children; part != nullptr; part = part->next) {
      if (part->type == XML_TEXT_NODE || part->type == XML_CDATA_SECTION_NODE)
        found += view(part->content);
      else if (part->type != XML_COMMENT_NODE)
        refuse("the token has something else than text in the element " + std::string(name()));
    }
    return crypto::SecretString(mfa::detail::trimmed(found));
  }

 private:
  static std::string_view view(const xmlChar* text) noexcept {
    return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
  }

  static std::optional<Element> from(const xmlNode* node) noexcept {
    while (node != nullptr && node->type != XML_ELEMENT_NODE) node = node->next;
    return node == nullptr ? std::nullopt : std::optional(Element(node));
  }

  const xmlNode* node_;
};

/// An XML document in UTF-8, read by libxml2 without network, files, entities or a document type. What it
/// may cost is bounded by its size: a document with long tags or much in one another is refused before it is
/// read. libxml2 wipes none of the memory that it lets go.
class Document {
 public:
  static constexpr std::size_t longest = 16U << 20; ///< bytes

  /// Throws `errc::invalid_token_file` for what is no such document.
  explicit Document(std::string_view text) {
    if (text.size() > longest)
      refuse("the file is longer than " + std::to_string(longest) + " bytes; divide it");
    check_shape(text);
    static const bool initialized = [] { // or the first two threads might do it at once
      xmlInitParser();
      return true;
    }();
    (void)initialized;
    const std::unique_ptr<xmlParserCtxt, Free> parser(xmlNewParserCtxt());
    if (!parser) throw std::bad_alloc();
    bool has_type = false;
    parser->_private = &has_type;
    parser->sax->internalSubset = [](void* context, const xmlChar*, const xmlChar*, const xmlChar*) {
      auto* const stopped = static_cast<xmlParserCtxt*>(context);
      *static_cast<bool*>(stopped->_private) = true;
      xmlStopParser(stopped); // before it has read an entity
    };
    document_.reset(xmlCtxtReadMemory(parser.get(), text.data(), static_cast<int>(text.size()), nullptr,
                                      "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
    if (has_type) refuse("the file declares a document type, which PSKC has none of");
    if (!document_ || parser->nsWellFormed == 0 || xmlDocGetRootElement(document_.get()) == nullptr)
      refuse("the file is not XML in UTF-8");
  }

  [[nodiscard]] Element root() const noexcept { return Element(xmlDocGetRootElement(document_.get())); }

 private:
  struct Free {
    void operator()(xmlParserCtxt* parser) const noexcept { xmlFreeParserCtxt(parser); }
    void operator()(xmlDoc* document) const noexcept { xmlFreeDoc(document); }
  };

  /// libxml2 compares each attribute of a tag with all others, and each prefix with all that are declared
  /// around it.
  static void check_shape(std::string_view text) {
    constexpr std::size_t longest_tag = 2048;
    constexpr std::size_t deepest = 32;
    std::size_t depth = 0;
    const auto skip = [&](std::size_t from, std::string_view end) {
      const auto at = text.find(end, from);
      return at == std::string_view::npos ? text.size() : at + end.size();
    };
    for (std::size_t at = text.find('<'); at < text.size(); at = text.find('<', at)) {
      const std::string_view rest = text.substr(at);
      if (rest.starts_with("<!--")) {
        at = skip(at + 4, "-->");
      } else if (rest.starts_with("<![CDATA[")) {
        at = skip(at + 9, "]]>");
      } else if (rest.starts_with("<?")) {
        at = skip(at + 2, "?>");
      } else {
        const std::size_t start = at;
        char quote = 0;
        while (at < text.size() && (quote != 0 || text[at] != '>')) {
          if (quote == 0 && (text[at] == '"' || text[at] == '\''))
            quote = text[at];
          else if (text[at] == quote)
            quote = 0;
          ++at;
        }
        if (at - start > longest_tag) refuse("the file has a tag of more than 2048 bytes");
        if (rest.starts_with("</"))
          depth -= depth > 0 ? 1 : 0;
        else if (at > start && text[at - 1] != '/')
          ++depth;
        if (depth > deepest) refuse("the file has more than 32 elements in one another");
      }
    }
  }

  std::unique_ptr<xmlDoc, Free> document_;
};

} // namespace mfa::pskc

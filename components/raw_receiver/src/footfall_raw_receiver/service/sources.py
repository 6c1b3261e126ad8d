"""Where visitors come from: the channels, and the media and hosts that are known to belong to them.

This is the one place for it. Add a line for a host; a host stands for all hosts below it. Names are what reports show.
"""

from typing import Final

DIRECT: Final = "direct"
REFERRERS: Final = "referrers"
SOCIAL: Final = "social"
ORGANIC: Final = "organic search"
PAID: Final = "paid search"
MEDIA: Final = "media advertising"
ADVERTISING: Final = "other online advertising"
EMAIL: Final = "email"
OFFLINE: Final = "offline"

CHANNELS: Final = frozenset({DIRECT, REFERRERS, SOCIAL, ORGANIC, PAID, MEDIA, ADVERTISING, EMAIL, OFFLINE})

OTHER: Final = "Other"
"""The source of a channel that names none, and of a referrer that is not in the table."""

GOOGLE_ADS: Final = "Google Ads"
YANDEX_DIRECT: Final = "Yandex.Direct"

MEDIUMS: Final = {
    "direct": DIRECT,
    "(none)": DIRECT,
    "referral": REFERRERS,
    "referrer": REFERRERS,
    "link": REFERRERS,
    "social": SOCIAL,
    "social-media": SOCIAL,
    "social-network": SOCIAL,
    "social_media": SOCIAL,
    "smm": SOCIAL,
    "sm": SOCIAL,
    "organic": ORGANIC,
    "search": ORGANIC,
    "seo": ORGANIC,
    "cpc": PAID,
    "ppc": PAID,
    "paid": PAID,
    "paidsearch": PAID,
    "paid-search": PAID,
    "sem": PAID,
    "banner": MEDIA,
    "cpm": MEDIA,
    "cpv": MEDIA,
    "display": MEDIA,
    "media": MEDIA,
    "video": MEDIA,
    "affiliate": ADVERTISING,
    "affiliates": ADVERTISING,
    "cpa": ADVERTISING,
    "partner": ADVERTISING,
    "retargeting": ADVERTISING,
    "email": EMAIL,
    "e-mail": EMAIL,
    "mail": EMAIL,
    "newsletter": EMAIL,
    "offline": OFFLINE,
    "print": OFFLINE,
    "qr": OFFLINE,
    "sms": OFFLINE,
    "tv": OFFLINE,
}
"""utm_medium (lower case) -> channel; a channel's own name counts too."""

_SEARCH: Final = {
    "Google": ("google", "com.google.android.googlequicksearchbox"),
    "Bing": ("bing",),
    "Yahoo": ("yahoo",),
    "Yandex": ("yandex", "ya.ru"),
    "DuckDuckGo": ("duckduckgo",),
    "Baidu": ("baidu",),
    "Ecosia": ("ecosia.org",),
    "Qwant": ("qwant",),
    "Startpage": ("startpage",),
    "Brave": ("search.brave.com",),
    "Naver": ("naver",),
    "Seznam": ("seznam.cz",),
    "Sogou": ("sogou",),
    "Mail.ru": ("go.mail.ru",),
    "Ask": ("ask.com",),
    "AOL": ("search.aol.com",),
}
_SOCIAL: Final = {
    "Facebook": ("facebook.com", "fb.com", "fb.me", "com.facebook.katana"),
    "Instagram": ("instagram.com", "com.instagram.android"),
    "LinkedIn": ("linkedin.com", "lnkd.in", "com.linkedin.android"),
    "X": ("x.com", "twitter.com", "t.co", "com.twitter.android"),
    "YouTube": ("youtube.com", "youtu.be"),
    "TikTok": ("tiktok.com",),
    "Pinterest": ("pinterest", "pin.it"),
    "Reddit": ("reddit.com", "redd.it"),
    "VK": ("vk.com", "vk.ru"),
    "Odnoklassniki": ("ok.ru", "odnoklassniki.ru"),
    "Telegram": ("telegram.org", "t.me", "org.telegram.messenger"),
    "WhatsApp": ("whatsapp.com", "wa.me", "com.whatsapp"),
    "Threads": ("threads.net", "threads.com"),
    "Bluesky": ("bsky.app",),
    "Mastodon": ("mastodon.social",),
    "Quora": ("quora.com",),
    "Xing": ("xing.com",),
    "Tumblr": ("tumblr.com",),
    "Snapchat": ("snapchat.com",),
    "Weibo": ("weibo.com", "weibo.cn"),
}
_MAIL: Final = {
    "Gmail": ("mail.google.com", "com.google.android.gm"),
    "Outlook": ("outlook.live.com", "outlook.office.com", "outlook.office365.com"),
    "Yahoo Mail": ("mail.yahoo.com",),
    "Yandex Mail": ("mail.yandex.ru", "mail.yandex.com"),
    "Mail.ru Mail": ("e.mail.ru",),
}

HOSTS: Final = {
    host: (name, channel)
    for table, channel in ((_SEARCH, ORGANIC), (_SOCIAL, SOCIAL), (_MAIL, EMAIL))
    for name, hosts in table.items()
    for host in hosts
}
"""Host -> (source, its default channel). A host without a dot stands under any country's ending."""

NAMES: Final = {name.lower(): (name, channel) for name, channel in HOSTS.values()}
"""utm_source (lower case) -> the same, so that `utm_source=google` and a visit from google.de are one source."""
